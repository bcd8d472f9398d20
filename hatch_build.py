"""What a wheel carries beside its packages; tasks/shipped.py finds it there, and in a checkout where it lies."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

READ = (
    "deployments/aws/images.yaml",
    "deployments/aws/instances.yaml",
    "deployments/aws/prices.yaml",
    "requirements/container.txt",
    "requirements/container_torch.txt",
)


class CarryWhatIsRead(BuildHookInterface[Any]):
    """An editable install has all of it in the checkout, and a second copy would hide that."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {path: f"tasks/shipped_files/{path}" for path in READ}
            build_data["force_include"]["inference_src/inference.py"] = "inference.py"
