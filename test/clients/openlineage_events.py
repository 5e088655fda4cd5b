"""Sends a run by the Python client of OpenLineage: url, API token."""

import sys
from datetime import datetime, timezone

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import column_lineage_dataset, schema_dataset
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

url, token = sys.argv[1:3]
auth = ApiKeyTokenProvider({"apiKey": token})
client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=url, auth=auth)))

fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type="text") for name in ("id", "café")]
source = InputDataset(
    "postgres://db:5432", "shop.public.people", facets={"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}
)
columns = column_lineage_dataset.ColumnLineageDatasetFacet(
    fields={
        "place": column_lineage_dataset.Fields(
            inputFields=[
                column_lineage_dataset.InputField(namespace="postgres://db:5432", name="shop.public.people", field="café")
            ]
        )
    }
)
target = OutputDataset("s3://lake", "people", outputFacets={}, facets={"columnLineage": columns})
run, job = Run(runId=str(generate_new_uuid())), Job(namespace="py", name="copy people")
for state in (RunState.START, RunState.COMPLETE):
    client.emit(
        RunEvent(
            eventType=state,
            eventTime=datetime.now(timezone.utc).isoformat(),
            run=run,
            job=job,
            producer="https://example.com/test",
            inputs=[source],
            outputs=[target],
        )
    )
print(run.runId)
