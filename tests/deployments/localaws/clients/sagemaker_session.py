"""Uploads an archive to the default bucket of a session of the SageMaker SDK, version 3, deploys it and asks it.

Argument: execution role. The archive, model.tar.gz, lies in the working directory.
"""
# ruff: noqa: T201 - it is a program

import json
import sys

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant

session = Session()
print("bucket", session.default_bucket())
model_data = session.upload_data("model.tar.gz", key_prefix="mine")
print("uploaded", model_data)

container = ContainerDefinition(image="image:1", model_data_url=model_data)
model = Model.create(model_name="session", primary_container=container, execution_role_arn=sys.argv[1])
variant = ProductionVariant(
    variant_name="AllTraffic", model_name="session", instance_type="ml.m5.large", initial_instance_count=1
)
config = EndpointConfig.create(endpoint_config_name="session", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="session", endpoint_config_name="session")
endpoint.wait_for_status("InService", poll=1, timeout=1800)
answer = endpoint.invoke(body=b'{"x": 4}', content_type="application/json")
# The SDK has drawn a panel, and left the cursor at its end.
print("\nanswer", json.loads(answer.body.read())["x"])
for resource in (endpoint, config, model):
    resource.delete()
