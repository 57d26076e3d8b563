"""An API provider's API: two routes, each for one scope, guarded by `tillit`.

Started with TILLIT_DEMO_ISSUER in the environment, as `uvicorn api:app`.
"""

import os
from typing import Annotated

from fastapi import FastAPI, Security

from tillit import AccessToken, TokenValidator
from tillit.fastapi import AuthorityBearer

ISSUER = os.environ["TILLIT_DEMO_ISSUER"]

auth = AuthorityBearer(TokenValidator.for_issuer(ISSUER, audience=f"{ISSUER}api/altinn"))
InstancesReader = Annotated[AccessToken, Security(auth, scopes=["altinn:serviceowner/instances.read"])]
RequestsReader = Annotated[AccessToken, Security(auth, scopes=["altinn:delegationrequests.read"])]

app = FastAPI(title="Demonstration API")


@app.get("/instances")
async def instances(token: InstancesReader) -> dict[str, object]:
    """List the instances of the consumer that the token names."""
    return {"for": token.consumer.number, "instances": ["permit 2026-114", "permit 2026-115"]}


@app.get("/delegationrequests")
async def delegation_requests(token: RequestsReader) -> dict[str, object]:
    """List the consumer's delegation requests, and say who reads them."""
    reader = token.supplier or token.consumer
    return {"for": token.consumer.number, "read_by": reader.number, "requests": ["request 88"]}
