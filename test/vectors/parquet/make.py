"""Writes the Parquet files of this folder (pip install pyarrow; made by 26.0.1)."""

import base64

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

accounts = pa.array(["AC0", "AC1", "AC0", "AC2"] * 25)
numbers = pa.array([f"+{n:03}" for n in range(100)])
table = pa.table({"account_sid": accounts, "to": numbers, "n": pa.array(range(100))})

# Pages of ten rows in two row groups; with a dictionary for accounts alone.
pages = {"row_group_size": 60, "write_batch_size": 10, "data_page_size": 1, "write_page_checksum": True}
for name, more in {
    "checksums-v1": {"data_page_version": "1.0", "compression": "none", "use_dictionary": False},
    "checksums-v1-snappy": {"data_page_version": "1.0", "compression": "snappy", "use_dictionary": ["account_sid"]},
    "checksums-v2-zstd": {"data_page_version": "2.0", "compression": "zstd", "use_dictionary": ["account_sid"]},
}.items():
    pq.write_table(table, f"{name}.parquet", **pages, **more)


class Kms(pe.KmsClient):
    """Wraps keys by putting a name in front of them: nobody has to open these files."""

    def __init__(self, _):
        pe.KmsClient.__init__(self)

    def wrap_key(self, key_bytes, master_key_identifier):
        return base64.b64encode(master_key_identifier.encode() + key_bytes)

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return base64.b64decode(wrapped_key)[len(master_key_identifier) :]


factory = pe.CryptoFactory(Kms)
for name, column, plaintext_footer in [
    ("encrypted-footer", "account_sid", False),
    ("encrypted-key", "account_sid", True),
    ("encrypted-other", "n", True),
]:
    how = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": [column]}, plaintext_footer=plaintext_footer, double_wrapping=False
    )
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), how)
    with pq.ParquetWriter(f"{name}.parquet", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table.slice(0, 4))
