"""An endpoint: its status, its variants' instances, and the transitions between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from localaws.access.execution_role import services_as
from localaws.clock import utc_now
from localaws.sagemaker.data_plane import notifications, wording
from localaws.sagemaker.data_plane.async_queue import AsyncQueue
from localaws.sagemaker.hosting import Hosting, arn
from localaws.sagemaker.instances import host_metrics
from localaws.sagemaker.instances.fleet import Fleet
from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.metrics import EndpointMetrics
from localaws.sagemaker.resources import EndpointConfig, Model
from localaws.sagemaker.variant import NOTHING_RETAINED, Retained, Variant, carry_over, variants_of
from localaws.services.moto_services import DeliveryError

METERED_STATUSES = ("InService", "Updating", "RollingBack")


class Endpoint:
    """An endpoint. Its state is guarded by the hosting's lock; each transition runs on a thread of its own."""

    def __init__(
        self, hosting: Hosting, region: str, name: str, config: EndpointConfig, models: dict[str, Model]
    ) -> None:
        self.hosting = hosting
        self.region = region
        self.name = name
        self.arn = arn(region, "endpoint", name)
        self.config = config
        self.variants = variants_of(config, models)
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.deployment_config: dict[str, Any] | None = None
        self.created: datetime = utc_now()
        self.modified: datetime = self.created
        self.services = services_as(hosting, region, lambda: self.variants[self.default_variant].model.execution_role)
        self.metrics = EndpointMetrics(self.services, name)
        self.queue = AsyncQueue(self)
        self.changed = threading.Condition(hosting.lock)
        self._fleet = Fleet(hosting, region, name, self._on_healthy)
        self._gone: Callable[[], None] = lambda: None
        self._transitions: list[threading.Thread] = []

    @property
    def default_variant(self) -> str:
        """The name of the first variant, the only one of an asynchronous endpoint."""
        return next(iter(self.variants))

    def healthy_instances(self, variant: str | None = None) -> list[Instance]:
        """The instances that can take an invocation."""
        chosen = [self.variants[variant]] if variant is not None else self.variants.values()
        return [instance for each in chosen for instance in each.instances if instance.healthy]

    def billed_seconds(self) -> dict[str, float]:
        """AWS seconds of all instances it ever had, from launch to termination, by variant."""
        return self._fleet.billed_seconds()

    def publish_metrics(self) -> None:
        """Publish this minute's metrics of the queue and of each instance."""
        if self.status not in METERED_STATUSES:
            return
        if self.config.async_config is not None:
            self.queue.publish_backlog()
        with self.hosting.lock:
            current = [each for variant in self.variants.values() for each in variant.instances if each.in_service]
        for instance in current:
            self.metrics.host(instance.variant_name, host_metrics.utilisation(instance.worker_pid, instance.home))

    def create(self) -> None:
        """Start the instances; the endpoint becomes InService once all are healthy, Failed otherwise."""
        self._record()
        self.queue.start()
        self._spawn("create", self._create)

    def update(self, config: EndpointConfig, models: dict[str, Model], retained: Retained = NOTHING_RETAINED) -> None:
        """Replace the instances by new ones of another configuration, without a gap."""
        variants = variants_of(config, models)
        carry_over(self.variants, variants, retained)
        self._set_status("Updating")
        self._spawn("update", self._update, config, variants)

    def rescale(self, changes: dict[str, tuple[int | None, float | None]]) -> None:
        """Set instance counts and weights by variant."""
        self._set_status("Updating")
        for name, (desired, weight) in changes.items():
            variant = self.variants[name]
            variant.desired = variant.desired if desired is None else desired
            variant.weight = variant.weight if weight is None else weight
        self._spawn("rescale", self._rescale)

    def delete(self, gone: Callable[[], None]) -> None:
        """Stop everything, then call `gone`."""
        self._set_status("Deleting")
        self.queue.close()
        self._gone = gone
        self._spawn("delete", self._delete)

    def abort(self) -> None:
        """End every worker at once, because the embedded AWS is being reset or stopped."""
        with self.changed:
            self.status = "Deleting"
            self.changed.notify_all()
        self.queue.close()
        self._fleet.abort()

    def join(self, deadline: float) -> None:
        """Wait until everything that `abort` told to end has ended; the deadline is in time.monotonic's seconds."""
        self._fleet.join(deadline)
        self.queue.join(deadline)
        for transition in self._transitions:
            transition.join(max(0.0, deadline - time.monotonic()))

    def _create(self) -> None:
        reason = self._test_topics(self.config) or self._fleet.grow(self.variants.values())
        if reason is not None:
            self._fleet.stop(self.variants.values())
        self._set_status("Failed" if reason else "InService", reason)

    def _update(self, config: EndpointConfig, variants: dict[str, Variant]) -> None:
        reason = self._test_topics(config) or self._fleet.grow(variants.values())
        if reason is not None:
            self._set_status("RollingBack", reason)
            self._fleet.stop(variants.values())
            self._set_status("InService", reason)
            return
        with self.hosting.lock:
            old, self.variants, self.config = self.variants, variants, config
        self.queue.wake()
        for variant in old.values():
            self._fleet.shrink(variant, 0)
        self._set_status("InService")

    def _rescale(self) -> None:
        self._test_topics(self.config)  # as AWS does for UpdateEndpointWeightsAndCapacities, too
        reason = self._fleet.grow(self.variants.values())
        if reason is not None:
            self._set_status("RollingBack", reason)
            with self.hosting.lock:
                for variant in self.variants.values():
                    variant.desired = min(variant.desired, len(variant.instances))
        for variant in self.variants.values():
            self._fleet.shrink(variant, variant.desired)
        self._set_status("InService", reason)

    def _delete(self) -> None:
        self._fleet.stop(self.variants.values())
        for name in self.variants:
            self.services.deregister_scalable_variant(self.name, name)
        self._gone()
        self.hosting.journal.record("endpoint.deleted", endpoint=self.name)

    def _on_healthy(self) -> None:
        with self.changed:
            self.changed.notify_all()
        self.queue.wake()

    def _test_topics(self, config: EndpointConfig) -> str | None:
        """Send AWS's test notification to the topics; return the FailureReason if one refuses it."""
        topics = notifications.topics_of(config.async_config["OutputConfig"]) if config.async_config else []
        for topic in topics:
            try:
                self.services.publish(topic, notifications.TEST_NOTIFICATION)
            except DeliveryError as exc:
                self.hosting.journal.record("endpoint.topic_refused", endpoint=self.name, topic=topic, error=str(exc))
                role = next(iter(self.variants.values())).model.request.get("ExecutionRoleArn", "")
                return wording.role_cannot_publish(role, topic)
        return None

    def _set_status(self, status: str, reason: str | None = None) -> None:
        with self.changed:
            if self.status == "Deleting":  # another transition may end only now
                return
            self.status = status
            self.failure_reason = reason
            self.modified = utc_now()
            self.changed.notify_all()
        self._record()

    def _record(self) -> None:
        self.hosting.journal.record(
            "endpoint.status", endpoint=self.name, status=self.status, reason=self.failure_reason
        )

    def _spawn(self, verb: str, work: Callable[..., None], *args: Any) -> None:
        running = [transition for transition in self._transitions if transition.is_alive()]
        self._transitions = [*running, self.hosting.threads.spawn(f"{verb}-{self.name}", work, *args)]
