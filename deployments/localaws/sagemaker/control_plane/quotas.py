"""The account's quotas on instances: AWS has them, and here they also protect the machine from too many workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from localaws.errors import AwsError
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.resources import hardware

# On AWS each instance type has a quota of its own; here it is the same for all.
MAX_INSTANCES_OF_A_TYPE = 20
# A production variant as it was configured, and a number of its instances.
Count = tuple[Mapping[str, Any], int]


def check_instances(endpoints: Iterable[Endpoint], added: Iterable[Count]) -> None:
    """Raise ResourceLimitExceeded if the added instances exceed the quota of a type in the endpoints' region."""
    live = [variant for each in endpoints if each.status != "Failed" for variant in each.variants.values()]
    used = _by_type((variant.spec, variant.desired) for variant in live)
    for instance_type, delta in _by_type(added).items():
        if delta > 0 and used[instance_type] + delta > MAX_INSTANCES_OF_A_TYPE:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{instance_type} for endpoint usage' is {MAX_INSTANCES_OF_A_TYPE} "
                f"Instances, with current utilization of {used[instance_type]} Instances and a request delta of "
                f"{delta} Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS "
                "Service Quotas is not available, contact AWS support to request an increase for this quota.",
            )


def _by_type(counts: Iterable[Count]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for spec, count in counts:
        for instance_type in hardware(spec)[:1]:
            summed[instance_type] += count
    return summed
