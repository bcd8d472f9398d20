"""Builds a model as the SageMaker SDK's ModelBuilder does, which first asks IAM what its role may do.

Arguments: a role that may serve, one that may not, model data.
"""
# ruff: noqa: T201 - it is a program

import sys

from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.serve.model_builder import ModelBuilder

role, powerless_role, model_data = sys.argv[1:]


def built(role_arn: str) -> str:
    builder = ModelBuilder(image_uri="image:1", s3_model_data_url=model_data, role_arn=role_arn)
    return str(builder.build(model_name="built").model_name)


print("model", built(role))
try:
    built(powerless_role)
except RoleValidationError as refused:
    print("refused", "ecr:GetAuthorizationToken" in str(refused))
