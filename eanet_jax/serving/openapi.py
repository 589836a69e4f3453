"""The API in the words of OpenAPI 3.1, for programs that write clients.

https://spec.openapis.org/oas/v3.1.1.html
"""

from typing import Any

from eanet_jax.inference import answer_rows
from eanet_jax.runtime import versions
from eanet_jax.serving import served_network

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ERROR = {"$ref": "#/components/responses/Error"}


def document(table: answer_rows.Table, has_token: bool) -> dict[str, Any]:
  """Returns the description of the API.

  Args:
    table: the rows of micrographs of the network that is served.
    has_token: whether requests must bring one.
  """
  found: dict[str, Any] = {
    "openapi": "3.1.1",
    "info": {
      "title": "eanet serve",
      "summary": "classifies steel micrographs",
      "version": versions.installed()["eanet_jax"],
    },
    "paths": {
      "/predict": {"post": _predict()},
      "/model": {
        "get": _get("model", "the network, its classes and what is allowed")
      },
      "/health": {"get": _get("health", "that the server answers")},
      "/": {"get": _get("page", "a page that classifies", "text/html")},
      "/openapi.json": {"get": _get("openapi", "this description")},
    },
    "components": {
      "schemas": {"Row": _row(table), "Answer": _ANSWER, "Error": _SAID},
      "responses": {
        "Error": {
          "description": "the request is not answered; why, in one line",
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/Error"}
            }
          },
        }
      },
    },
  }
  if has_token:
    found["components"]["securitySchemes"] = {
      "token": {"type": "http", "scheme": "bearer"}
    }
    found["security"] = [{"token": []}]
    found["paths"]["/health"]["get"]["security"] = []
  return found


_ANSWER = {
  "type": "object",
  "required": ["network_id", "promise", "rows"],
  "properties": {
    "network_id": {"type": "string"},
    "promise": {
      "type": "string",
      "description": "what the sets of classes promise, or why there are none",
    },
    "rows": {
      "type": "array",
      "description": "a row for each file, in the order in which they were"
      " sent; with level=tile, for each tile",
      "items": {"$ref": "#/components/schemas/Row"},
    },
  },
}
_SAID = {
  "type": "object",
  "required": ["error"],
  "properties": {"error": {"type": "string"}},
}


def _row(table: answer_rows.Table) -> dict[str, Any]:
  """A row of micrographs: of any other there are some of its fields."""
  return {
    "type": "object",
    "description": "the columns of `eanet predict`; null where nothing is to"
    " say. A file that cannot be used has its name and an error",
    "required": ["file", "error", "network_id"],
    "properties": {
      name: {"type": _TYPES[kind]}
      if name in ("file", "error", "network_id")
      else {"type": [_TYPES[kind], "null"]}
      for name, kind in table.columns.items()
    },
  }


def _predict() -> dict[str, Any]:
  return {
    "operationId": "predict",
    "summary": "classifies files",
    "parameters": [
      {
        "name": "level",
        "in": "query",
        "description": "what a row is of",
        "schema": {
          "type": "string",
          "enum": list(served_network.LEVELS),
          "default": "micrograph",
        },
      },
      {
        "name": "top_k",
        "in": "query",
        "description": "so many classes have a field each, the most probable"
        " ones; 0 for a field of every class",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
      },
    ],
    "requestBody": {
      "required": True,
      "content": {
        "multipart/form-data": {
          "schema": {
            "type": "object",
            "properties": {
              "files": {
                "type": "array",
                "description": "micrographs, and the texts that microscopes"
                " write beside them; under whatever names of fields",
                "items": {
                  "type": "string",
                  "contentMediaType": "application/octet-stream",
                },
              }
            },
          }
        }
      },
    },
    "responses": {
      "200": {
        "description": "the answers",
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/Answer"}
          }
        },
      },
      "default": _ERROR,
    },
  }


def _get(
  name: str, summary: str, kind: str = "application/json"
) -> dict[str, Any]:
  return {
    "operationId": name,
    "summary": summary,
    "responses": {
      "200": {"description": summary, "content": {kind: {}}},
      "default": _ERROR,
    },
  }
