"""EventBridge Scheduler: schedules that call any operation of the embedded AWS at their time."""
