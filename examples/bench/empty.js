console.log("checksum 0");
