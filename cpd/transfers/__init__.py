"""Files to and from the operator's servers, over ftp, ftps, http and https; what is in a file is not known here."""
