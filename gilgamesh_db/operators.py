"""What is done with signals: ``a - b``, ``2 * a``, ``abs(a)``, ``numpy.sqrt(a)``, ``a.smooth(1e-3)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .computed import ComputedSignal
    from .processing import FilterKind, Spectrogram, Spectrum
    from .quality_check import Findings
    from .signal import Signal


def _operate(operation: str, *operands: Any) -> Any:
    from .arithmetic import operate

    return operate(operation, *operands)


class Operators:
    """Arithmetic that makes a signal of signals; see `gilgamesh_db.arithmetic`."""

    def __add__(self, other: object) -> Signal:
        return _operate("add", self, other)  # type: ignore[no-any-return]

    def __radd__(self, other: object) -> Signal:
        return _operate("add", other, self)  # type: ignore[no-any-return]

    def __sub__(self, other: object) -> Signal:
        return _operate("sub", self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: object) -> Signal:
        return _operate("sub", other, self)  # type: ignore[no-any-return]

    def __mul__(self, other: object) -> Signal:
        return _operate("mul", self, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: object) -> Signal:
        return _operate("mul", other, self)  # type: ignore[no-any-return]

    def __truediv__(self, other: object) -> Signal:
        return _operate("div", self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: object) -> Signal:
        return _operate("div", other, self)  # type: ignore[no-any-return]

    def __pow__(self, exponent: float) -> Signal:
        return _operate("pow", self, exponent)  # type: ignore[no-any-return]

    def __neg__(self) -> Signal:
        return _operate("neg", self)  # type: ignore[no-any-return]

    def __pos__(self) -> Operators:
        return self

    def __abs__(self) -> Signal:
        return _operate("abs", self)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .arithmetic import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)


class Processing:
    """What is done to one signal; see `gilgamesh_db.processing`. NaN is refused where it would spread."""

    def smooth(self: Signal, seconds: float) -> ComputedSignal:  # type: ignore[misc]
        """The mean over a window of this length centred on each sample (shorter at the ends)."""
        from .processing import smooth

        return smooth(self, seconds)

    def filter(  # type: ignore[misc]
        self: Signal, kind: FilterKind, frequency: float | tuple[float, float], order: int = 4
    ) -> ComputedSignal:
        """A Butterworth filter without delay (forwards and backwards, so that it cuts twice).

        Parameters
        ----------
        kind : {"lowpass", "highpass", "bandpass", "bandstop"}
        frequency : float or (float, float)
            Hz, where one pass lets half of the power through.
        order : int
        """
        from .processing import filtered

        return filtered(self, kind, frequency, order)

    def detrend(self: Signal, kind: Literal["linear", "constant"] = "linear") -> ComputedSignal:  # type: ignore[misc]
        """Without its straight line of least squares, or without its mean."""
        from .processing import detrended

        return detrended(self, kind)

    def differentiate(self: Signal) -> ComputedSignal:  # type: ignore[misc]
        """The derivative, in unit / s, by central differences."""
        from .processing import differentiated

        return differentiated(self)

    def integrate(self: Signal) -> ComputedSignal:  # type: ignore[misc]
        """The integral from the first sample, in unit · s, by trapezes."""
        from .processing import integrated

        return integrated(self)

    def spectrum(self: Signal, seconds: float | None = None) -> Spectrum:  # type: ignore[misc]
        """Power spectral density (Welch) from pieces of this length; an eighth of the record where left out."""
        from .processing import spectrum

        return spectrum(self, seconds)

    def spectrogram(self: Signal, seconds: float | None = None) -> Spectrogram:  # type: ignore[misc]
        """Power spectral density over time, from pieces of this length."""
        from .processing import spectrogram

        return spectrogram(self, seconds)

    def check_quality(self: Signal, **thresholds: float) -> Findings:  # type: ignore[misc]
        """What is wrong with the samples: saturation, a dead channel, noise, implausible values; `db.check_quality` says how.

        Usual noise needs other shots: it is judged here only where the port states its own.
        """
        from .quality_check import Thresholds, check_signal

        return check_signal(self, Thresholds(**thresholds))  # type: ignore[arg-type]
