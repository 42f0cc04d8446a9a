"""What is wrong with a convolution: `sentences` in words, `diagnose` in full.

For the first wrong element of a result, the products that the implementation adds up, beside those of the index sum;
and, where one simple mistake explains every element, that mistake.
"""

from refconv.explain.diagnosis import Diagnosis, diagnose, sentences

__all__ = ["Diagnosis", "diagnose", "sentences"]
