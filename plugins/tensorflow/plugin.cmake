# SPDX-License-Identifier: Apache-2.0
whet_plugin(tensorflow "TensorFlow")
# Stays in the process once it is loaded, as the vendor's library does.
if(TARGET whet_plugin_tensorflow)
  target_link_options(whet_plugin_tensorflow PRIVATE -Wl,-z,nodelete)
endif()
