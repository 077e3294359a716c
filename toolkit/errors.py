"""The two ways in which a command ends without a result."""


class UsageError(Exception):
    """What was asked for cannot be done as asked: exit code 2."""


class InfrastructureError(Exception):
    """Something of ours failed: exit code 3."""
