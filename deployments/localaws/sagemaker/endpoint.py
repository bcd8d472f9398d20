"""An endpoint: its status, its variants' instances, and the transitions between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.clock import utc_now
from localaws.sagemaker import notifications
from localaws.sagemaker.async_queue import AsyncQueue
from localaws.sagemaker.hosting import Hosting, arn
from localaws.sagemaker.instance import Instance
from localaws.sagemaker.metrics import EndpointMetrics
from localaws.sagemaker.resources import EndpointConfig, Model
from localaws.services.moto_services import DeliveryError, MotoServices

DRAIN_POLL_REAL_SECONDS = 0.02
DRAIN_LONGEST_SECONDS = 3600.0


@dataclass
class Variant:
    """A production variant and the instances which serve it."""

    spec: dict[str, Any]
    model: Model
    desired: int
    weight: float
    instances: list[Instance] = field(default_factory=list)

    @classmethod
    def of(cls, spec: dict[str, Any], model: Model) -> Variant:
        """The variant as its configuration starts it."""
        return cls(spec, model, spec.get("InitialInstanceCount", 1), spec.get("InitialVariantWeight", 1.0))


class Endpoint:
    """One endpoint. What it holds is guarded by the hosting's lock; each transition runs on a thread of its own."""

    def __init__(
        self, hosting: Hosting, region: str, name: str, config: EndpointConfig, models: dict[str, Model]
    ) -> None:
        self.hosting = hosting
        self.region = region
        self.name = name
        self.arn = arn(region, "endpoint", name)
        self.config = config
        self.variants = _variants(config, models)
        self.status = "Creating"
        self.failure_reason: str | None = None
        self.created: datetime = utc_now()
        self.modified: datetime = self.created
        self.services = MotoServices(region)
        self.metrics = EndpointMetrics(self.services, name)
        self.queue = AsyncQueue(self)
        self.changed = threading.Condition(hosting.lock)
        self._live: list[Instance] = []
        self._aborted = False
        self._gone: Callable[[], None] = lambda: None

    @property
    def default_variant(self) -> str:
        """The name of the first variant, the only one of an asynchronous endpoint."""
        return next(iter(self.variants))

    def healthy_instances(self, variant: str | None = None) -> list[Instance]:
        """The instances which can take an invocation."""
        chosen = [self.variants[variant]] if variant is not None else self.variants.values()
        return [instance for each in chosen for instance in each.instances if instance.healthy]

    def create(self) -> None:
        """Starts the instances: InService once all are healthy, Failed otherwise."""
        self._record()
        self.queue.start()
        self._spawn("create", self._create)

    def update(self, config: EndpointConfig, models: dict[str, Model]) -> None:
        """Replaces the instances by new ones of another configuration, without a gap."""
        self._set_status("Updating")
        self._spawn("update", self._update, config, _variants(config, models))

    def rescale(self, changes: dict[str, tuple[int | None, float | None]]) -> None:
        """Sets instance counts and weights by variant."""
        self._set_status("Updating")
        for name, (desired, weight) in changes.items():
            variant = self.variants[name]
            variant.desired = variant.desired if desired is None else desired
            variant.weight = variant.weight if weight is None else weight
        self._spawn("rescale", self._rescale)

    def delete(self, gone: Callable[[], None]) -> None:
        """Stops everything, then calls `gone`."""
        self._set_status("Deleting")
        self.queue.close()
        self._gone = gone
        self._spawn("delete", self._delete)

    def abort(self) -> None:
        """Ends every worker at once: the embedded AWS is being reset or stopped."""
        with self.hosting.lock:
            self.status = "Deleting"
            self._aborted = True
            instances = list(self._live)
        self.queue.close()
        for instance in instances:
            instance.kill()

    def join(self, deadline: float) -> None:
        """Waits until what `abort` ended has ended; the deadline is one of time.monotonic."""
        for instance in self._live:
            instance.wait_gone(deadline)
        self.queue.join(deadline)

    def _create(self) -> None:
        reason = self._test_topics(self.config) or self._grow(self.variants.values())
        if reason is not None:
            self._shrink_to(self.variants.values(), 0)
        self._set_status("Failed" if reason else "InService", reason)

    def _update(self, config: EndpointConfig, variants: dict[str, Variant]) -> None:
        reason = self._test_topics(config) or self._grow(variants.values())
        if reason is not None:
            self._shrink_to(variants.values(), 0)
            self._set_status("InService", reason)
            return
        with self.hosting.lock:
            old, self.variants, self.config = self.variants, variants, config
        self.queue.wake()
        self._shrink_to(old.values(), 0)
        self._set_status("InService")

    def _rescale(self) -> None:
        self._test_topics(self.config)
        reason = self._grow(self.variants.values())
        for variant in self.variants.values():
            self._shrink_to([variant], variant.desired)
        self._set_status("InService", reason)

    def _delete(self) -> None:
        self._stop_all([i for variant in self.variants.values() for i in self._detach(variant, 0)])
        for name in self.variants:
            self.services.deregister_scalable_variant(self.name, name)
        self._gone()
        self.hosting.journal.record("endpoint.deleted", endpoint=self.name)

    def _grow(self, variants: Iterable[Variant]) -> str | None:
        """Starts what is missing and waits for it; the first reason why an instance failed, which are removed."""
        started: list[tuple[Variant, Instance]] = []
        for variant in variants:
            with self.hosting.lock:
                missing = 0 if self._aborted else variant.desired - len(variant.instances)
                new = [self._instance(variant) for _ in range(missing)]
                variant.instances.extend(new)
                self._live.extend(new)
            started.extend((variant, instance) for instance in new)
        for _, instance in started:
            instance.start()
        reason = None
        for variant, instance in started:
            instance.settled.wait()
            if instance.failure is not None:
                reason = reason or instance.failure
                with self.hosting.lock:
                    variant.instances.remove(instance)
                    self._live.remove(instance)
        return reason

    def _instance(self, variant: Variant) -> Instance:
        return Instance(self.hosting, self.region, self.name, variant.spec, variant.model, self._on_healthy)

    def _on_healthy(self) -> None:
        with self.changed:
            self.changed.notify_all()
        self.queue.wake()

    def _shrink_to(self, variants: Iterable[Variant], count: int) -> None:
        """Takes the newest instances beyond the count out of service, lets them finish, and stops them."""
        detached = [instance for variant in variants for instance in self._detach(variant, count)]
        for instance in detached:
            self._drain(instance)
        self._stop_all(detached)

    def _detach(self, variant: Variant, count: int) -> list[Instance]:
        with self.hosting.lock:
            detached = variant.instances[count:]
            del variant.instances[count:]
        return detached

    def _drain(self, instance: Instance) -> None:
        deadline = self.hosting.clock.now() + DRAIN_LONGEST_SECONDS
        while instance.in_flight and instance.healthy and self.hosting.clock.now() < deadline:
            if self.hosting.closing.wait(DRAIN_POLL_REAL_SECONDS):
                return

    def _stop_all(self, instances: list[Instance]) -> None:
        for instance in instances:
            instance.terminate()
        for instance in instances:
            instance.stop()
        with self.hosting.lock:
            self._live = [instance for instance in self._live if instance not in instances]

    def _test_topics(self, config: EndpointConfig) -> str | None:
        """Tells the topics that they are used; the reason to fail when one takes no message."""
        topics = notifications.topics_of(config.async_config) if config.async_config else []
        for topic in topics:
            try:
                self.services.publish(topic, notifications.TEST_NOTIFICATION)
            except DeliveryError as exc:
                self.hosting.journal.record("endpoint.topic_refused", endpoint=self.name, topic=topic, error=str(exc))
                return self._topic_reason(topic)
        return None

    def _topic_reason(self, topic: str) -> str:
        role = next(iter(self.variants.values())).model.request.get("ExecutionRoleArn", "")
        return (
            f"The provided role '{role}' is invalid. Please ensure the role exists, that its trust relationship policy "
            'allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com", and has '
            f'"sns:Publish" permissions for topic "{topic}"'
        )

    def _set_status(self, status: str, reason: str | None = None) -> None:
        with self.changed:
            if self.status == "Deleting":
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
        self.hosting.threads.spawn(f"{verb}-{self.name}", work, *args)


def _variants(config: EndpointConfig, models: dict[str, Model]) -> dict[str, Variant]:
    return {spec["VariantName"]: Variant.of(spec, models[spec["ModelName"]]) for spec in config.variants}
