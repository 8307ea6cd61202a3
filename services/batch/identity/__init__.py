"""Who calls: tenants by API key or by a token of their issuer; the gateway, workers and operators by tokens of ours.

The tenant comes from the credential and from nowhere else.
"""

from batch.identity.callers import Caller, caller

__all__ = ["Caller", "caller"]
