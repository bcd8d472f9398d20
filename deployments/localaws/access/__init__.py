"""Identity and access management: decisions on what a caller, or the role of an endpoint, may do.

moto's own enforcement knows neither conditions nor resource-based policies, and no published library evaluates
policies: parliament checks and policy_sentry writes them. So they are evaluated here, as AWS documents it.
"""
