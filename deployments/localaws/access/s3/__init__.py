"""Access to S3: signed links, browsers' forms, bucket policies and access control lists."""
