"""`make up` and `make down`: the embedded AWS, a Prefect server with all deployments, and a worker, in the background.

Process ids, logs, the Prefect server's password and `env` lie in `.run/`, which only its user can read. `up` leaves
services that already run alone; `down` ends only those in there. Anyone who can post to the Prefect server can make the
worker run commands, so the server asks for a password and refuses web pages of other origins.
"""
