/* Loaded before a program's own libraries: look-ups and connections outside of this machine fail, and are written
   down. Blocking Python's socket module would miss what compiled libraries do. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void record(const char *what, const char *name) {
    char line[512];
    const char *path = getenv("STYGIG_NETWORK_RECORD");
    int length = snprintf(line, sizeof line, "%s %s\n", what, name ? name : "");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file < 0 || write(file, line, length) != length) abort();
    close(file);
}

static int is_here(const char *name) {
    return !name || !strcmp(name, "localhost") || !strncmp(name, "127.", 4) || !strcmp(name, "::1");
}

/* Whether the address is on this machine; where it isn't, it has been written down. */
static int stays(const struct sockaddr *address, const char *what) {
    char text[INET6_ADDRSTRLEN] = "";
    if (!address) return 1;
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    else
        return 1;
    if (is_here(text) || !strncmp(text, "::ffff:127.", 11)) return 1;
    record(what, text);
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
    if (is_here(node)) return real(node, service, hints, found);
    record("getaddrinfo", node);
    return EAI_NONAME;
}

struct hostent *gethostbyname(const char *name) {
    struct hostent *(*real)(const char *) = (struct hostent * (*)(const char *)) dlsym(RTLD_NEXT, "gethostbyname");
    if (is_here(name)) return real(name);
    record("gethostbyname", name);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    if (stays(address, "connect")) return real(socket, address, length);
    errno = ENETUNREACH;
    return -1;
}

ssize_t sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length) {
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) =
        (ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "sendto");
    if (stays(address, "sendto")) return real(socket, data, size, flags, address, length);
    errno = ENETUNREACH;
    return -1;
}
