"""CloudWatch: metrics kept small, metric math, and alarms that are evaluated."""
