# SPDX-License-Identifier: Apache-2.0
whet_plugin(openvino "OpenVINO")
# Stays in the process once it is loaded: the vendor's library, whose handles it keeps, does too.
if(TARGET whet_plugin_openvino)
  target_link_options(whet_plugin_openvino PRIVATE -Wl,-z,nodelete)
endif()
