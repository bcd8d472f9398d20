"""The combinations of members that AWS refuses in a model, an endpoint configuration or tags."""

from __future__ import annotations

from typing import Any

from localaws.errors import ValidationException


def check_model(request: dict[str, Any]) -> None:
    """Raise ValidationException for the first combination in a model that AWS refuses."""
    containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if not containers:
        raise ValidationException("A model needs a PrimaryContainer or Containers; neither was found.")
    if "PrimaryContainer" in request and "Containers" in request:
        raise ValidationException("PrimaryContainer and Containers cannot both be specified for a model.")
    for container in containers:
        if not {"Image", "ModelPackageName"} & container.keys():
            raise ValidationException("A container needs an Image or a ModelPackageName; neither was found.")
        if {"ModelDataUrl", "ModelDataSource"} <= container.keys():
            raise ValidationException("ModelDataUrl and ModelDataSource cannot both be specified for a container.")
        if source := container.get("ModelDataSource", {}).get("S3DataSource"):
            _check_model_data(source)


def check_endpoint_config(request: dict[str, Any]) -> None:
    """Raise ValidationException for the first combination in an endpoint configuration that AWS refuses."""
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) != len(names):
        raise ValidationException(f"Production variant names must be unique; found {', '.join(names)}.")
    for variant in variants:
        _check_variant(variant)
    if any("ServerlessConfig" in variant for variant in variants):
        _check_serverless(request)
    if "AsyncInferenceConfig" in request:
        _check_async(request)


def check_tags(tags: list[dict[str, str]]) -> None:
    """Raise ValidationException for tags that AWS refuses: two with the same key, or keys reserved for AWS."""
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) != len(keys):
        raise ValidationException(f"Tag keys must be unique; found {', '.join(keys)}.")
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise ValidationException(f'Tag keys that begin with "aws:" are reserved; found {", ".join(reserved)}.')


def _check_variant(variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise ValidationException(f"Production variant {name} has no ModelName; inference components are not served.")
    if "ManagedInstanceScaling" in variant:
        raise ValidationException("ManagedInstanceScaling is only supported for inference component endpoints.")
    types = [member for member in ("InstanceType", "InstancePools") if member in variant]
    if "ServerlessConfig" in variant:
        if types or "InitialInstanceCount" in variant:
            raise ValidationException(
                f"Production variant {name} has both ServerlessConfig and an instance type, pools or count: give one."
            )
        return
    if len(types) > 1:
        raise ValidationException(f"Production variant {name} has both InstanceType and InstancePools: give one.")
    missing = [] if types else ["InstanceType or InstancePools"]
    missing += [] if "InitialInstanceCount" in variant else ["InitialInstanceCount"]
    if missing:
        raise ValidationException(f"Production variant {name} lacks {' and '.join(missing)}.")


def _check_serverless(request: dict[str, Any]) -> None:
    """Refuse the features that serverless inference lacks, as its page in AWS's guide lists them."""
    variants = request["ProductionVariants"]
    if len(variants) > 1 or request.get("ShadowProductionVariants"):
        raise ValidationException("Serverless inference does not support multiple production variants.")
    if request.get("DataCaptureConfig"):
        raise ValidationException("Serverless inference does not support DataCaptureConfig.")
    config = variants[0]["ServerlessConfig"]
    if config["MemorySizeInMB"] % 1024:
        raise ValidationException(
            f"MemorySizeInMB must be 1024, 2048, 3072, 4096, 5120 or 6144; found {config['MemorySizeInMB']}."
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise ValidationException(
            f"ProvisionedConcurrency must not exceed MaxConcurrency, which is {config['MaxConcurrency']}; "
            f"found {config['ProvisionedConcurrency']}."
        )


def _check_async(request: dict[str, Any]) -> None:
    variants = request["ProductionVariants"] + request.get("ShadowProductionVariants", [])
    if len(variants) > 1:
        raise ValidationException(
            f"AsyncInferenceConfig supports a single production variant per endpoint; found {len(variants)}."
        )
    if "ServerlessConfig" in variants[0]:
        raise ValidationException("AsyncInferenceConfig is not supported for serverless production variants.")


def _check_model_data(source: dict[str, Any]) -> None:
    if source["S3DataType"] != "S3Prefix":
        return
    if source["CompressionType"] == "Gzip":
        raise ValidationException("CompressionType Gzip is not supported for S3DataType S3Prefix: use S3Object.")
    if not source["S3Uri"].endswith("/"):
        raise ValidationException(
            f'S3Uri "{source["S3Uri"]}" is not valid for S3DataType S3Prefix: a key name prefix ends with "/".'
        )
