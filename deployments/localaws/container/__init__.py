"""The process inside an instance, with the semantics of AWS's inference toolkit."""
