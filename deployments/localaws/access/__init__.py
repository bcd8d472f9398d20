"""Identity and access management: whether a caller, or the role of an endpoint, may do what it asks for.

moto's own enforcement knows neither conditions nor resource-based policies, and no published library evaluates
policies: parliament and policy_sentry check and write them. So the evaluation is here, after AWS's documentation of it.
"""
