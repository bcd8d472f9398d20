"""The operations of Application Auto Scaling, answered and refused as AWS does."""
