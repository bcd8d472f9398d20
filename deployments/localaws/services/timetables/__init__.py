"""The times of schedules: at(), rate() and cron() expressions, on the clock of an embedded AWS."""
