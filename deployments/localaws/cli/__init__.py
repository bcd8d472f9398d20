"""The embedded AWS as commands: run it, point a shell at it, look at what it is doing."""
