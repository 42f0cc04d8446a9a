"""refconv_properties: the laws of convolution as a property suite, for anyone's implementation.

``pytest --pyargs refconv_properties --impl my_module:my_convolution`` runs it; `strategies` is the part to
build tests of your own from.
"""
