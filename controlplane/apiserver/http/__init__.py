"""The HTTP front: the API server for clients outside this process.

`serve` runs one `ApiServer` over HTTPS, and the loop that everything else in the cluster lives on, in one asyncio
thread.  HTTP itself is uvicorn's; *Note*: it speaks HTTP/1.1, where the real API server also speaks HTTP/2.
"""

from controlplane.apiserver.http.front import make_token, serve

__all__ = ["make_token", "serve"]
