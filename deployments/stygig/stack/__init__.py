"""`make up` and `make down`: the embedded AWS, a Prefect server with all deployments, and a worker, in the background.

Process ids, logs, the Prefect server's password and `env` lie in `.run/`, for its user alone. What runs already is
left alone; `down` ends only what is in there. Whoever may post to the Prefect server makes the worker run commands:
it asks for the password, and no web page of another origin may talk to it.
"""
