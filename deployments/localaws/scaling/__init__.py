"""Auto scaling that really acts: alarms, policies and schedules set the instance counts of variants."""
