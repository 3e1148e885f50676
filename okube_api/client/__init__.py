"""Python client of the API: `Okube`, and `AsyncOkube` with the same methods to be awaited.

Answers become data frames of pandas or Polars.  The client needs httpx only; methods that use other libraries
import them.  See docs/client.md.
"""

from okube_api.client.analytics_answer import AnalyticsAnswer, AnswerNote
from okube_api.client.application_client import ApplicationClient, AsyncApplicationClient, QuestionJob
from okube_api.client.errors import (
    JobUnfinished,
    MissingExtra,
    NotAllowed,
    NotLoggedIn,
    OkubeError,
    RateLimited,
    RequestFault,
    RequestRefused,
    ResourceChanged,
    ResourceConflict,
    ResourceMissing,
    ServerFailed,
    ServerUnreachable,
    UnexpectedAnswer,
)
from okube_api.client.okube import AsyncOkube, Okube
from okube_api.client.resource_lists import AsyncResourceList, ResourceDocument, ResourceList
from okube_api.client.session import RetryRule

__all__ = [
    "AnalyticsAnswer",
    "AnswerNote",
    "ApplicationClient",
    "AsyncApplicationClient",
    "AsyncOkube",
    "AsyncResourceList",
    "JobUnfinished",
    "MissingExtra",
    "NotAllowed",
    "NotLoggedIn",
    "Okube",
    "OkubeError",
    "QuestionJob",
    "RateLimited",
    "RequestFault",
    "RequestRefused",
    "ResourceChanged",
    "ResourceConflict",
    "ResourceDocument",
    "ResourceList",
    "ResourceMissing",
    "RetryRule",
    "ServerFailed",
    "ServerUnreachable",
    "UnexpectedAnswer",
]
