"""What each finding means and what to do about it, in words. `{braces}` are filled in from what was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tasks.invoking.findings import Finding


@dataclass(frozen=True)
class Advice:
    """A finding's cause and what to do. `well` means that nobody has to act: it is fine, or becomes so by itself."""

    cause: str
    todo: str
    well: bool = False

    def filled(self, names: Mapping[str, object]) -> "Advice":
        return replace(self, cause=self.cause.format_map(names), todo=self.todo.format_map(names))


START_ONE = (
    "`aws sagemaker update-endpoint-weights-and-capacities --endpoint-name {endpoint} "
    "--desired-weights-and-capacities VariantName={variant},DesiredInstanceCount=1`"
)
ADVICE: Mapping[Finding, Advice] = {
    "completed": Advice("It has been answered.", "Get the answer: `stygig wait {id}`.", well=True),
    "answered": Advice(
        "The answer is there, although the record still says {state}: nobody has waited for it to the end.",
        "`stygig wait {id}` gets the answer and brings the record up to date.",
        well=True,
    ),
    "answer_gone": Advice("It was answered, and the answer has been removed since.", "Send the request again."),
    "bad_request": Advice(
        "The model refused the request with {status}: {failure}",
        "Correct the request and send it again; docs/contract.md says what the recommender's codes mean.",
    ),
    "input_unreadable": Advice(
        "The endpoint could not read the input: {failure}",
        "See that {input} is there and that the execution role may read it (s3:GetObject), then send it again.",
    ),
    "model_failed": Advice(
        "The model failed over the request, or its worker died ({status}): {failure}",
        "Read the log: `{log_command}`. Correct the model, or take an instance type with more memory.",
    ),
    "timed_out": Advice(
        "The model took longer than it may: {failure}",
        "Send a smaller request, or set STYGIG_INVOCATION_TIMEOUT_SECONDS higher (now {timeout}, at most 3600).",
    ),
    "expired": Advice(
        "It expired: its time to live ended before an instance took it. {failure}",
        "See by `stygig diagnose {endpoint}` whether it gets instances; then send the request again, if need be with a "
        "larger STYGIG_REQUEST_TTL_SECONDS (now {ttl}, at most 21600).",
    ),
    "failed": Advice(
        "It failed, and neither notification nor log tells with which status: {failure}",
        "If that names a fault of the request, correct it; else read the log: `{log_command}`.",
    ),
    "endpoint_gone": Advice(
        "Endpoint {endpoint} is gone or being deleted, and its queue with it.",
        "Deploy it again (`stygig deploy --endpoint-name {endpoint}`) and send again what was not answered.",
    ),
    "endpoint_failed": Advice(
        "Endpoint {endpoint} is Failed and answers nothing: {reason}",
        "Read its log: `{log_command}`. A Failed endpoint can't be repaired: remove it "
        "(`stygig teardown --endpoint-name {endpoint}`) and deploy it again.",
    ),
    "starting": Advice(
        "Endpoint {endpoint} is being created.", "Wait: its first instance takes 5 to 10 minutes on AWS.", well=True
    ),
    "no_capacity": Advice(
        "Endpoint {endpoint} has no instance, and nothing starts one: it has no scalable target, or one that allows 0.",
        f"Start one: {START_ONE}; `stygig deploy` makes endpoints that wake by themselves.",
    ),
    "no_wake": Advice(
        "Endpoint {endpoint} has no instance, and no alarm on HasBacklogWithoutCapacity with a step policy: target "
        "tracking alone waits until the backlog exceeds its target.",
        f"Start one: {START_ONE}; `stygig deploy` makes endpoints that wake by themselves.",
    ),
    "waking": Advice(
        "Requests wait, and endpoint {endpoint} has no instance yet; its scaling is waking one.",
        "Wait: the alarm takes two to three minutes, and on AWS the instance with the model 5 to 10 more.",
        well=True,
    ),
    "stuck": Advice(
        "Requests have waited at endpoint {endpoint} for more than 20 minutes, and no instance has come.",
        "Look why scaling fails (a quota, no capacity, a role): `aws application-autoscaling "
        "describe-scaling-activities --service-namespace sagemaker --resource-id {resource_id}`.",
    ),
    "queued": Advice(
        "Endpoint {endpoint} is working on its queue with {instances}.",
        "Wait{wait}. If the oldest request only grows older, read the log: `{log_command}`.",
        well=True,
    ),
    "unknown": Advice("It can't be told, since something could not be looked up: {unread}", "{allow}"),
    "overdue": Advice(
        "Endpoint {endpoint} expired at {expires} and is still there; it has {instances}, which bill.",
        "`stygig sweep` removes it unless its run lives, and says why if it doesn't.",
    ),
    "asleep": Advice(
        "Endpoint {endpoint} sleeps: no instance, no request, and its scaling wakes it.",
        "Nothing: the first request wakes it, and waits 8 to 13 minutes on AWS for its instance.",
        well=True,
    ),
    "ready": Advice("Endpoint {endpoint} has {instances}, and no request waits.", "Nothing.", well=True),
    "unscaled": Advice(
        "Endpoint {endpoint} has {instances} and no scaling, so it bills around the clock.",
        "`stygig teardown --endpoint-name {endpoint}` if nobody needs it; `stygig deploy` makes ones that scale to 0.",
    ),
    "never_zero": Advice(
        "Endpoint {endpoint} has {instances}; its scaling keeps at least {minimum}, which bill around the clock.",
        "Nothing, if that is wanted; else register its target with MinCapacity 0.",
        well=True,
    ),
    "always_on": Advice(
        "Endpoint {endpoint} answers in real time with {instances}, which bill around the clock.",
        "`stygig teardown --endpoint-name {endpoint}` once nobody needs it.",
        well=True,
    ),
}
