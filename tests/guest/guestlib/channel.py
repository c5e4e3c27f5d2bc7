"""Telling the records of /init from the data between them."""


class Demux:
    """Splits a byte stream into data and records.

    A record is the mark, words, and a newline. The mark holds a random number, so that
    data cannot imitate it. Feed bytes as they come: data is passed on at once, save for
    what may yet turn out to be the beginning of a mark.
    """

    def __init__(self, mark, on_data, on_record):
        self.mark = mark
        self.on_data = on_data
        self.on_record = on_record
        self._held = b""

    def feed(self, data):
        buffer = self._held + data
        while True:
            at = buffer.find(self.mark)
            if at < 0:
                break
            end = buffer.find(b"\n", at)
            if end < 0:
                self._emit(buffer[:at])
                self._held = buffer[at:]
                return
            self._emit(buffer[:at])
            self.on_record(buffer[at + len(self.mark):end].decode("utf-8", "replace"))
            buffer = buffer[end + 1:]
        keep = self._possible_mark(buffer)
        self._held = buffer[len(buffer) - keep:]
        self._emit(buffer[:len(buffer) - keep])

    def end(self):
        """The stream ended: what was held back is data after all."""
        self._emit(self._held)
        self._held = b""

    def _possible_mark(self, buffer):
        """The length of the longest end of `buffer` that begins the mark."""
        for length in range(min(len(buffer), len(self.mark) - 1), 0, -1):
            if buffer.endswith(self.mark[:length]):
                return length
        return 0

    def _emit(self, data):
        if data:
            self.on_data(data)
