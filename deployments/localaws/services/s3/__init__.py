"""moto's S3 made to store, refuse and describe as AWS's does."""
