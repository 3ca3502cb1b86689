# Takes a page of docs/ apart: a fenced block after a line that ends in "`FILE`:" becomes that file, the
# lines of ```sh blocks are printed, those of ```cmake blocks go to snippet.cmake. Usage: awk -v
# section=NAME -f extract.awk PAGE: only the section of this name, or with section= all but Rust and Go.
/^## / { heading = substr($0, 4) }
/^```/ && open { open = 0; next }
/^```./ {
  open = 1
  kind = substr($0, 4)
  wanted = section == "" ? heading != "Rust" && heading != "Go" : heading == section
  next
}
open && !wanted { next }
open && kind == "sh" { print }
open && kind == "cmake" { print >"snippet.cmake" }
open && kind != "sh" && file != "" { print >file }
!open && NF { file = match($0, /`[^`]+`:$/) ? substr($0, RSTART + 1, RLENGTH - 3) : "" }
