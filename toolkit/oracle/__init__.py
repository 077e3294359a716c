"""The oracle gives verdicts on samples. `Oracle` judges, `canary` tests it; one file for each kind of test."""

from toolkit.oracle.canary import Refused, canary
from toolkit.oracle.findings import Facts, Finding
from toolkit.oracle.judge import TOTAL_TIMEOUT_S, VERSION, Oracle

__all__ = ["TOTAL_TIMEOUT_S", "VERSION", "Facts", "Finding", "Oracle", "Refused", "canary"]
