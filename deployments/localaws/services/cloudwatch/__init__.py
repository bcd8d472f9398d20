"""CloudWatch: metrics kept in little memory, metric math, and alarms that are really evaluated."""
