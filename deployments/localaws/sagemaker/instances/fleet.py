"""The instances of an endpoint: launched, drained, replaced and billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instances.instance import Instance
from localaws.sagemaker.variant import Variant

DRAIN_POLL_REAL_SECONDS = 0.02
DRAIN_LONGEST_SECONDS = 3600.0
REPLACE_AGAIN_SECONDS = 30.0


class Fleet:
    """All instances of one endpoint, of all its variants; its state is guarded by the hosting's lock."""

    def __init__(self, hosting: Hosting, region: str, endpoint: str, on_healthy: Callable[[], None]) -> None:
        self._hosting = hosting
        self._region = region
        self._endpoint = endpoint
        self._on_healthy = on_healthy
        self._live: list[Instance] = []
        self._billed: defaultdict[str, float] = defaultdict(float)
        self._aborted = False

    def grow(self, variants: Iterable[Variant]) -> str | None:
        """Start the missing instances and wait for them; remove those that fail, and return the first one's reason."""
        started: list[tuple[Variant, Instance]] = []
        for variant in variants:
            with self._hosting.lock:
                missing = 0 if self._aborted else variant.desired - len(variant.instances)
                new = [self._new(variant) for _ in range(missing)]
                variant.instances.extend(new)
            started.extend((variant, instance) for instance in new)
        for _, instance in started:
            instance.start()
        reason = None
        for variant, instance in started:
            instance.settled.wait()
            if instance.failure is not None:
                reason = reason or instance.failure
                with self._hosting.lock:
                    variant.instances = [each for each in variant.instances if each is not instance]
                    self._forget([instance])
        return reason

    def shrink(self, variant: Variant, count: int) -> None:
        """Take the newest instances beyond the count out of service, let them finish, and stop them."""
        detached = self._detach(variant, count)
        for instance in detached:
            self._drain(instance)
        self._stop(detached)

    def stop(self, variants: Iterable[Variant]) -> None:
        """Stop every instance of the variants, whatever it is doing."""
        self._stop([instance for variant in variants for instance in self._detach(variant, 0)])

    def abort(self) -> None:
        """End every worker at once."""
        with self._hosting.lock:
            self._aborted = True
            instances = list(self._live)
        for instance in instances:
            instance.kill()

    def join(self, deadline: float) -> None:
        """Wait until every instance is gone; the deadline is in time.monotonic's seconds."""
        for instance in list(self._live):
            instance.wait_gone(deadline)

    def billed_seconds(self) -> dict[str, float]:
        """AWS seconds of all instances the endpoint ever had, from launch to termination, by variant."""
        with self._hosting.lock:
            billed = self._billed.copy()
            for instance in self._live:
                billed[instance.variant_name] += instance.billed_seconds
        return dict(billed)

    def _new(self, variant: Variant) -> Instance:
        instance = Instance(
            self._hosting,
            self._region,
            self._endpoint,
            variant.spec,
            variant.model,
            self._on_healthy,
            partial(self._lost, variant),
        )
        self._live.append(instance)
        return instance

    def _lost(self, variant: Variant, lost: Instance) -> None:
        self._hosting.threads.spawn(f"replace-{lost.id}", self._replace, variant, lost)

    def _replace(self, variant: Variant, lost: Instance) -> None:
        """Launch replacements until one is healthy, or the variant needs none any more."""
        while (new := self._put_in_place(variant, lost)) is not None:
            self._hosting.journal.record(
                "instance.replaced", endpoint=self._endpoint, instance=lost.id, replacement=new.id
            )
            new.start()
            self._stop([lost])
            new.settled.wait()
            if new.failure is None:
                return
            lost = new
            if self._hosting.clock.wait(self._hosting.closing, REPLACE_AGAIN_SECONDS):
                return

    def _put_in_place(self, variant: Variant, lost: Instance) -> Instance | None:
        with self._hosting.lock:
            if self._aborted or lost not in variant.instances:
                return None
            new = self._new(variant)
            variant.instances[variant.instances.index(lost)] = new
            return new

    def _detach(self, variant: Variant, count: int) -> list[Instance]:
        with self._hosting.lock:
            detached = variant.instances[count:]
            del variant.instances[count:]
        return detached

    def _drain(self, instance: Instance) -> None:
        deadline = self._hosting.clock.now() + DRAIN_LONGEST_SECONDS
        while instance.in_flight and instance.healthy and self._hosting.clock.now() < deadline:
            if self._hosting.closing.wait(DRAIN_POLL_REAL_SECONDS):
                return

    def _stop(self, instances: list[Instance]) -> None:
        for instance in instances:
            instance.terminate()
        for instance in instances:
            instance.stop()
        with self._hosting.lock:
            self._forget(instances)

    def _forget(self, instances: list[Instance]) -> None:
        for instance in instances:
            if instance in self._live:
                self._live.remove(instance)
                self._billed[instance.variant_name] += instance.billed_seconds
