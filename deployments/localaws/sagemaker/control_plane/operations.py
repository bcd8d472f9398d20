"""The SageMaker control plane: the operations on models, endpoint configurations, endpoints and tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.access.execution_role import can_be_assumed
from localaws.access.refusals import unassumable_role
from localaws.constraints import check_types, violation_message, violations
from localaws.errors import AwsError, ValidationException
from localaws.sagemaker.control_plane.config_rules import check_endpoint_config, check_model, check_tags
from localaws.sagemaker.control_plane.descriptions import (
    config_summary,
    describe_config,
    describe_endpoint,
    describe_model,
    endpoint_summary,
    model_summary,
)
from localaws.sagemaker.control_plane.listing import page, select
from localaws.sagemaker.control_plane.quotas import check_instances
from localaws.sagemaker.control_plane.tags import Tags
from localaws.sagemaker.control_plane.update_rules import check_deployment, check_update
from localaws.sagemaker.endpoint import Endpoint
from localaws.sagemaker.hosting import Hosting, arn
from localaws.sagemaker.resources import EndpointConfig, Model, model_names, served_model
from localaws.sagemaker.state import State, key
from localaws.sagemaker.variant import Retained

Request = dict[str, Any]
IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class ControlPlane:
    """The control plane's operations; each runs under the hosting's lock, which makes it atomic."""

    def __init__(self, hosting: Hosting, state: State) -> None:
        self._hosting = hosting
        self._state = state
        self._tags = Tags(state)
        self._operations: dict[str, Callable[[str, Request], Request]] = {
            "CreateModel": self._create_model,
            "DescribeModel": self._describe_model,
            "ListModels": self._list_models,
            "DeleteModel": self._delete_model,
            "CreateEndpointConfig": self._create_config,
            "DescribeEndpointConfig": self._describe_config,
            "ListEndpointConfigs": self._list_configs,
            "DeleteEndpointConfig": self._delete_config,
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": self._describe_endpoint,
            "ListEndpoints": self._list_endpoints,
            "UpdateEndpoint": self._update_endpoint,
            "UpdateEndpointWeightsAndCapacities": self._update_capacities,
            "DeleteEndpoint": self._delete_endpoint,
            "AddTags": self._tags.add,
            "ListTags": self._tags.list,
            "DeleteTags": self._tags.delete,
        }

    def call(self, region: str, operation: str, request: Request) -> Request:
        """Carry out the operation and return its answer; raise AwsError for what AWS refuses."""
        work = self._operations.get(operation)
        if work is None:
            raise AwsError("UnknownOperationException", f"The embedded AWS does not implement SageMaker's {operation}.")
        check_types("sagemaker", operation, request)
        if found := violations("sagemaker", operation, request):
            raise ValidationException(violation_message(found))
        check_tags(request.get("Tags", []))
        with self._hosting.lock:
            return work(region, request)

    def _create_model(self, region: str, request: Request) -> Request:
        model = Model(request["ModelName"], arn(region, "model", request["ModelName"]), request)
        if key(region, model.name) in self._state.models:
            raise ValidationException(f'Cannot create already existing model "{model.arn}".')
        check_model(request)
        self._check_role(region, request.get("ExecutionRoleArn"))
        self._state.models[key(region, model.name)] = model
        self._tags.tag_new(model.arn, request)
        return {"ModelArn": model.arn}

    def _describe_model(self, region: str, request: Request) -> Request:
        return describe_model(self._model(region, request["ModelName"]))

    def _list_models(self, region: str, request: Request) -> Request:
        models, token = page(select(_of(self._state.models, region), request), request)
        return {"Models": [model_summary(model) for model in models], **token}

    def _delete_model(self, region: str, request: Request) -> Request:
        # AWS deletes models and configurations even while an endpoint uses them.
        model = self._model(region, request["ModelName"])
        del self._state.models[key(region, model.name)]
        self._state.tags.pop(model.arn, None)
        return {}

    def _create_config(self, region: str, request: Request) -> Request:
        name = request["EndpointConfigName"]
        config = EndpointConfig(name, arn(region, "endpoint-config", name), request)
        if key(region, name) in self._state.configs:
            raise ValidationException(f'Cannot create already existing endpoint configuration "{config.arn}".')
        check_endpoint_config(request)
        for variant in config.variants:
            for model_name in model_names(variant):
                self._model(region, model_name)
        self._check_role(region, request.get("ExecutionRoleArn"))
        self._state.configs[key(region, name)] = config
        self._tags.tag_new(config.arn, request)
        return {"EndpointConfigArn": config.arn}

    def _describe_config(self, region: str, request: Request) -> Request:
        return describe_config(self._config(region, request["EndpointConfigName"]))

    def _list_configs(self, region: str, request: Request) -> Request:
        configs, token = page(select(_of(self._state.configs, region), request), request)
        return {"EndpointConfigs": [config_summary(config) for config in configs], **token}

    def _delete_config(self, region: str, request: Request) -> Request:
        config = self._config(region, request["EndpointConfigName"])
        del self._state.configs[key(region, config.name)]
        self._state.tags.pop(config.arn, None)
        return {}

    def _create_endpoint(self, region: str, request: Request) -> Request:
        name = request["EndpointName"]
        endpoint_arn = arn(region, "endpoint", name)
        if key(region, name) in self._state.endpoints:
            raise ValidationException(f'Cannot create already existing endpoint "{endpoint_arn}".')
        config = self._config(region, request["EndpointConfigName"])
        check_deployment(request.get("DeploymentConfig"))
        self._check_instances_of(region, config)
        endpoint = Endpoint(self._hosting, region, name, config, self._models_of(region, config))
        endpoint.deployment_config = request.get("DeploymentConfig")
        self._state.endpoints[key(region, name)] = endpoint
        self._tags.tag_new(endpoint.arn, request)
        endpoint.create()
        return {"EndpointArn": endpoint.arn}

    def _describe_endpoint(self, region: str, request: Request) -> Request:
        return describe_endpoint(self._endpoint(region, request["EndpointName"]))

    def _list_endpoints(self, region: str, request: Request) -> Request:
        endpoints, token = page(select(_of(self._state.endpoints, region), request), request)
        return {"Endpoints": [endpoint_summary(endpoint) for endpoint in endpoints], **token}

    def _update_endpoint(self, region: str, request: Request) -> Request:
        endpoint = self._changeable(region, request["EndpointName"])
        config = self._config(region, request["EndpointConfigName"])
        kept = request.get("RetainDeploymentConfig")
        deployment = endpoint.deployment_config if kept else request.get("DeploymentConfig")
        check_update(endpoint, config, deployment)
        self._check_instances_of(region, config)
        endpoint.deployment_config = deployment
        endpoint.update(config, self._models_of(region, config), Retained.of(request))
        return {"EndpointArn": endpoint.arn}

    def _update_capacities(self, region: str, request: Request) -> Request:
        endpoint = self._changeable(region, request["EndpointName"])
        changes: dict[str, tuple[int | None, float | None]] = {}
        for change in request["DesiredWeightsAndCapacities"]:
            name = change["VariantName"]
            if name not in endpoint.variants:
                raise ValidationException(f'The variant name "{name}" was not found in endpoint "{endpoint.arn}".')
            desired = change.get("DesiredInstanceCount")
            if desired == 0 and endpoint.config.async_config is None:
                raise ValidationException(f'The real-time variant "{name}" cannot have zero instances.')
            changes[name] = (desired, change.get("DesiredWeight"))
        wanted = [(endpoint.variants[name], desired) for name, (desired, _) in changes.items() if desired is not None]
        more = [(variant.spec, desired - variant.desired) for variant, desired in wanted]
        check_instances(_of(self._state.endpoints, region), more)
        endpoint.rescale(changes)
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, region: str, request: Request) -> Request:
        endpoint = self._endpoint(region, request["EndpointName"])
        if endpoint.status in IN_PROGRESS:
            raise _in_progress(endpoint)

        def gone() -> None:
            with self._hosting.lock:
                self._state.endpoints.pop(key(region, endpoint.name), None)
                self._state.tags.pop(endpoint.arn, None)

        endpoint.delete(gone)
        return {}

    def _model(self, region: str, name: str) -> Model:
        if (model := self._state.models.get(key(region, name))) is None:
            raise ValidationException(f'Could not find model "{arn(region, "model", name)}".')
        return model

    def _config(self, region: str, name: str) -> EndpointConfig:
        if (config := self._state.configs.get(key(region, name))) is None:
            missing = arn(region, "endpoint-config", name)
            raise ValidationException(f'Could not find endpoint configuration "{missing}".')
        return config

    def _endpoint(self, region: str, name: str) -> Endpoint:
        if (endpoint := self._state.endpoints.get(key(region, name))) is None:
            raise ValidationException(f'Could not find endpoint "{arn(region, "endpoint", name)}".')
        return endpoint

    def _changeable(self, region: str, name: str) -> Endpoint:
        endpoint = self._endpoint(region, name)
        if endpoint.status in IN_PROGRESS:
            raise _in_progress(endpoint)
        if endpoint.status == "Failed":
            raise ValidationException(f'Cannot update endpoint "{endpoint.arn}" in status Failed: delete it.')
        # AWS lets a configuration in use be deleted, but then refuses updates, because it compares them with it.
        self._config(region, endpoint.config.name)
        return endpoint

    def _models_of(self, region: str, config: EndpointConfig) -> dict[str, Model]:
        return {name: self._model(region, name) for name in map(served_model, config.variants)}

    def _check_instances_of(self, region: str, config: EndpointConfig) -> None:
        added = [(spec, spec.get("InitialInstanceCount", 0)) for spec in config.variants]
        check_instances(_of(self._state.endpoints, region), added)

    def _check_role(self, region: str, role: str | None) -> None:
        if role is not None and not can_be_assumed(self._hosting, region, role):
            raise unassumable_role(role)


def _of(resources: dict[tuple[str, str], Any], region: str) -> list[Any]:
    return [resource for (its_region, _), resource in resources.items() if its_region == region]


def _in_progress(endpoint: Endpoint) -> ValidationException:
    # AWS's text for a refused deletion as well.
    return ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
