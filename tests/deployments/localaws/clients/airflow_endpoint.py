"""Airflow's SageMaker operators and sensor, unmodified, in one run of a DAG; needs an environment of its own:

    uv venv --python 3.11 /tmp/airflow
    uv pip install --python /tmp/airflow/bin/python apache-airflow apache-airflow-providers-amazon

By hand, where `stygig local env` has pointed the shell: PYTHON airflow_endpoint.py ROLE MODEL_DATA BUCKET
In the suite, with STYGIG_OPT_IN=airflow and STYGIG_AIRFLOW_PYTHON=/tmp/airflow/bin/python:
pytest tests/deployments/localaws/clients
"""
# ruff: noqa: T201 - it is a program

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

DAG_ID = NAME = "airflow"


def run_dag() -> None:
    """Run the DAG with a database and a folder of DAGs made for it, and print what it left."""
    airflow = Path(sys.executable).with_name("airflow")
    with tempfile.TemporaryDirectory(prefix="airflow-") as home:
        shutil.copy(__file__, Path(home, "dag.py"))
        os.environ.update(AIRFLOW_HOME=home, AIRFLOW__CORE__DAGS_FOLDER=home, AIRFLOW__CORE__LOAD_EXAMPLES="False")
        subprocess.run([airflow, "db", "migrate"], check=True, capture_output=True)
        os.environ.update(zip(("ROLE", "MODEL_DATA", "BUCKET"), sys.argv[1:], strict=True))
        done = subprocess.run([airflow, "dags", "test", DAG_ID], check=False, capture_output=True, text=True)
        print(done.stdout, done.stderr, file=sys.stderr)
        runs = [airflow, "dags", "list-runs", DAG_ID, "--output", "plain"]
        listed = subprocess.run(runs, check=True, capture_output=True, text=True).stdout
        print("run", "success" if " success " in listed else listed)
    sagemaker = boto3.client("sagemaker")
    print("status", sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"])
    print("left", sagemaker.list_models()["Models"])


def define_dag() -> object:
    """Creates an asynchronous endpoint, waits for it, and deletes the model that it no longer needs."""
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerDeleteModelOperator, SageMakerEndpointOperator
    from airflow.providers.amazon.aws.sensors.sagemaker import SageMakerEndpointSensor
    from airflow.sdk import DAG

    model = {
        "ModelName": NAME,
        "ExecutionRoleArn": os.environ["ROLE"],
        "PrimaryContainer": {"Image": "image:1", "ModelDataUrl": os.environ["MODEL_DATA"]},
    }
    variant = {"VariantName": "all", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = {
        "EndpointConfigName": NAME,
        "ProductionVariants": [variant],
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": f"s3://{os.environ['BUCKET']}/airflow"}},
    }
    endpoint = {"EndpointName": NAME, "EndpointConfigName": NAME}
    with DAG(DAG_ID, schedule=None) as dag:
        deploy = SageMakerEndpointOperator(
            task_id="deploy",
            config={"Model": model, "EndpointConfig": config, "Endpoint": endpoint},
            check_interval=1,
            aws_conn_id=None,
        )
        wait = SageMakerEndpointSensor(task_id="wait", endpoint_name=NAME, poke_interval=1, aws_conn_id=None)
        delete = SageMakerDeleteModelOperator(task_id="delete", config={"ModelName": NAME}, aws_conn_id=None)
        deploy >> wait >> delete
    return dag


if __name__ == "__main__":
    run_dag()
else:
    dag = define_dag()
