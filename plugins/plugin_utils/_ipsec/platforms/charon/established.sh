# shellcheck shell=sh
# What is established: read by indentation, because names may hold anything but a line end.

# tw_sas: for each IKE_SA `ike ID SPIS NAME`, for each CHILD_SA that carries traffic `child ROLE NAME IKE-NAME`, by tabs.
tw_sas() {
	"${tw_ask:-swanctl}" --list-sas --pretty 2>/dev/null | awk '
		/^  [^ }].* \{$/ { ike = substr($0, 3, length($0) - 4); part = ""; role = "answers" }
		/^    [^ ]/ { part = $1 }
		/^    uniqueid = / { id = $3 }
		/^    initiator = yes$/ { role = "initiates" }
		/^    initiator-spi = / { spi = $3 }
		/^    responder-spi = / { print "ike\t" id "\t" spi "-" $3 "\t" ike }
		part == "child-sas" && /^        name = / { name = substr($0, 16) }
		part == "child-sas" && /^        state = (INSTALLED|REKEYING|UPDATING)$/ { print "child\t" role "\t" name "\t" ike }' |
		sort -u
}
