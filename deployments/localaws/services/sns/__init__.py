"""moto's SNS made to filter, deliver and sign as AWS's does."""
