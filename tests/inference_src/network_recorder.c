/* Loaded before a program's own libraries: its look-ups of names and its Internet sockets fail, and are written down.

   Blocking Python's socket module would miss what compiled libraries do. Unix sockets and files are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void record(const char *what, const char *name) {
    char line[512];
    const char *path = getenv("NETWORK_RECORD");
    int length = snprintf(line, sizeof line, "%s %s\n", what, name ? name : "");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file < 0 || write(file, line, length) != length) abort();
    close(file);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    record("getaddrinfo", node);
    return EAI_NONAME;
}

struct hostent *gethostbyname(const char *name) {
    record("gethostbyname", name);
    h_errno = HOST_NOT_FOUND;
    return NULL;
}

int socket(int domain, int type, int protocol) {
    if (domain == AF_INET || domain == AF_INET6) {
        record("socket", domain == AF_INET ? "IPv4" : "IPv6");
        errno = EACCES;
        return -1;
    }
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    return real(domain, type, protocol);
}
