"""AWS KMS as moto plays it, on a free port which is the first line written.

Moto overlooks rules of the API reference of KMS; they are added here, because the adapter rests on them: Decrypt refuses
a KeyId that is not the key of the ciphertext, ReEncrypt does so with SourceKeyId, a ciphertext that was changed anywhere is
invalid, and a key that is disabled does nothing.
"""

import logging
import sys

from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import AccessDeniedException, InvalidCiphertextException
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse
from moto.kms.utils import decrypt as decrypt_blob
from moto.server import ThreadedMotoServer

moto_encrypt, moto_decrypt, moto_re_encrypt = KmsBackend.encrypt, KmsBackend.decrypt, KmsResponse.re_encrypt


def assert_enabled(backend, key_id):
    if not backend.keys[key_id].enabled:
        raise JsonRESTError("DisabledException", f"{backend.keys[key_id].arn} is disabled.")


def encrypt(self, key_id, plaintext, encryption_context):
    assert_enabled(self, self.any_id_to_key_id(key_id))
    return moto_encrypt(self, key_id, plaintext, encryption_context)


def decrypt(self, ciphertext_blob, encryption_context, key_id=None):
    try:
        _, actual = decrypt_blob(self.keys, ciphertext_blob, encryption_context)
    except AccessDeniedException:
        raise InvalidCiphertextException()
    if key_id is not None and self.any_id_to_key_id(key_id) != actual:
        raise JsonRESTError("IncorrectKeyException", "The ciphertext was made by another key.")
    assert_enabled(self, actual)
    return moto_decrypt(self, ciphertext_blob, encryption_context, key_id)


def re_encrypt(self):
    source = self._get_param("SourceKeyId")
    if source:
        self.kms_backend.decrypt(
            self._get_param("CiphertextBlob"), self._get_param("SourceEncryptionContext", {}), source
        )
    return moto_re_encrypt(self)


KmsBackend.encrypt, KmsBackend.decrypt, KmsResponse.re_encrypt = encrypt, decrypt, re_encrypt

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(f"http://{host}:{port}", flush=True)
# The end of the standard input is the end of whoever started this.
sys.stdin.read()
server.stop()
