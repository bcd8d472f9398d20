"""SageMaker hosting: the control plane, the data plane, and the instances that serve."""
