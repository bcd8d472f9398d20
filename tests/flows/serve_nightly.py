"""Serves the nightly validation as a deployment called `killed`, the way a worker would; run by a test."""

from flows.nightly_validation import nightly_validation

if __name__ == "__main__":
    nightly_validation.serve(name="killed", pause_on_shutdown=False, print_starting_message=False)
