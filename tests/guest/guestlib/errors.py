"""Exit statuses and the one exception type of the harness."""

# A script's own status passes through up to SCRIPT_STATUS_MAX; what lies above belongs
# to the harness, so that a caller can tell "the test failed" from "there was no test".
SCRIPT_STATUS_MAX = 119
STATUS_HARNESS = 120  # nothing can be said about the test: wrong use, missing file, bad reply
STATUS_SCRIPT_HIGH = 121  # the script ended with a status above SCRIPT_STATUS_MAX
STATUS_TIMEOUT = 124
STATUS_DIED = 125  # the guest panicked or ended before the script did


class GuestError(Exception):
    """Something could not be done.

    The message says what was tried, on what, and why it failed; `hint` says what would
    help; `console` is the text of the guest's console, where there was a guest.
    """

    def __init__(self, message, hint="", status=STATUS_HARNESS, console=""):
        super().__init__(message)
        self.hint = hint
        self.status = status
        self.console = console
