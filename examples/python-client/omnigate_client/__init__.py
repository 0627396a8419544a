"""An OAP/1 client in plain Python, written from the specifications alone."""

from .client import Client, Reply
from .errors import OapError
from .mailbox import Mailbox, Message
from .storage import Storage, Stored

__all__ = ['Client', 'Mailbox', 'Message', 'OapError', 'Reply', 'Storage', 'Stored']
